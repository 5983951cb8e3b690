CREATE EXTERNAL TABLE IF NOT EXISTS `${database}`.`${table}` (
  eventversion STRING,
  useridentity STRUCT<
    type: STRING,
    principalid: STRING,
    arn: STRING,
    accountid: STRING,
    invokedby: STRING,
    accesskeyid: STRING,
    username: STRING,
    identityprovider: STRING,
    credentialid: STRING,
    onbehalfof: STRUCT<userid: STRING, identitystorearn: STRING>,
    inscopeof: STRUCT<sourcearn: STRING, sourceaccount: STRING, issuertype: STRING, credentialsissuedto: STRING>,
    invokedbydelegate: STRUCT<accountid: STRING>,
    sessioncontext: STRUCT<
      attributes: STRUCT<mfaauthenticated: STRING, creationdate: STRING>,
      sessionissuer: STRUCT<type: STRING, principalid: STRING, arn: STRING, accountid: STRING, username: STRING>,
      sourceidentity: STRING,
      ec2roledelivery: STRING,
      assumedroot: STRING,
      signinsessionarn: STRING,
      webidfederationdata: STRUCT<federatedprovider: STRING, attributes: MAP<STRING, STRING>>
    >
  >,
  eventtime STRING,
  eventsource STRING,
  eventname STRING,
  awsregion STRING,
  sourceipaddress STRING,
  useragent STRING,
  errorcode STRING,
  errormessage STRING,
  requestparameters STRING,
  responseelements STRING,
  additionaleventdata STRING,
  requestid STRING,
  eventid STRING,
  readonly STRING,
  resources ARRAY<STRUCT<arn: STRING, arnprefix: STRING, accountid: STRING, type: STRING>>,
  eventtype STRING,
  apiversion STRING,
  managementevent STRING,
  recipientaccountid STRING,
  serviceeventdetails STRING,
  sharedeventid STRING,
  vpcendpointid STRING,
  vpcendpointaccountid STRING,
  eventcategory STRING,
  addendum STRUCT<reason: STRING, updatedfields: STRING, originalrequestid: STRING, originaleventid: STRING>,
  sessioncredentialfromconsole STRING,
  edgedevicedetails STRING,
  tlsdetails STRUCT<tlsversion: STRING, ciphersuite: STRING, clientprovidedhostheader: STRING, keyexchange: STRING>
)
COMMENT '${comment}'
PARTITIONED BY (p_account STRING, p_region STRING, p_date STRING)
ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe'
STORED AS INPUTFORMAT 'com.amazon.emr.cloudtrail.CloudTrailInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION '${location}'
TBLPROPERTIES (
  'classification' = 'cloudtrail',
  'projection.enabled' = 'true',
${accounts}
  'projection.p_region.type' = 'enum',
  'projection.p_region.values' = '${regions}',
  'projection.p_date.type' = 'date',
  'projection.p_date.format' = 'yyyy/MM/dd',
  'projection.p_date.range' = '${since},NOW',
  'projection.p_date.interval' = '1',
  'projection.p_date.interval.unit' = 'DAYS',
  'storage.location.template' = '${location}${p_account}/${folder}/${p_region}/${p_date}'
)
